import JOSE
import JobFile

/// A job file's tree, written as JSON: every scalar of the YAML is a string.
func definitions(_ json: String) throws -> JobDefinitions {
    try JobDefinitions(parsing: .object(JSONReader.read(Array(json.utf8)).objectValue ?? JSONObject()))
}

/// What the file says about one job.
func definition(_ json: String, _ job: ByteString = "job") throws -> JobDefinition {
    try definitions(json).definition(of: job)
}

/// The fault of a file and where it stands, `place: fault`; nil for a file without one.
func fault(_ json: String, _ job: ByteString = "job") throws -> Fault? {
    do {
        _ = try definition(json, job)
        return nil
    } catch let error as JobFileError {
        return Fault(place: error.path.text, fault: error.fault)
    }
}

struct Fault: Hashable {
    let place: String
    let fault: JobFileFault
}
