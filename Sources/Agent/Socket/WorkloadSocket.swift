/// Where a Workload API is offered, and to whom.
package struct WorkloadSocket: Hashable, Sendable {
    package let path: String
    /// The mode of the socket's file, exactly; connecting takes the right to write.
    package let mode: UInt32
    /// Only processes of these users may connect; nil for any that the mode lets in.
    package let allowedUIDs: Set<UInt32>?

    /// A socket that the jobs of all users share: what they get depends on their evidence alone.
    package static func shared(path: String) -> WorkloadSocket {
        WorkloadSocket(path: path, mode: 0o666, allowedUIDs: nil)
    }

    /// A socket of one job: for its owner's processes, and root's.
    package static func ofJob(path: String, ownerUID: UInt32) -> WorkloadSocket {
        WorkloadSocket(path: path, mode: 0o600, allowedUIDs: [ownerUID, 0])
    }

    package init(path: String, mode: UInt32, allowedUIDs: Set<UInt32>?) {
        self.path = path
        self.mode = mode
        self.allowedUIDs = allowedUIDs
    }
}
