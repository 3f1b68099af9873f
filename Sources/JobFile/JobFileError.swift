// Why a job's section of a job file cannot be followed.

/// What is wrong with a job file, and where.
package struct JobFileError: Error, Hashable, Sendable {
    /// What is wrong.
    package let fault: JobFileFault

    /// Where it stands.
    package let path: JobFilePath

    init(_ fault: JobFileFault, at path: JobFilePath) {
        self.fault = fault
        self.path = path
    }
}
