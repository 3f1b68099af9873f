import JOSE
import JobFile

/// Reads a job file and says where in it a fault stands.
struct JobFileReader {
    private let path: String
    private let document: YAMLDocument

    init(path: String) throws {
        self.path = path
        document = try YAMLDocument(path: path)
    }

    /// A registration with what the file says about the job: what it opts in to, and its environment.
    func completed(_ given: JSONObject, forJob name: String) throws -> (body: JSONObject, definition: JobDefinition) {
        do throws(JobFileError) {
            let definition = try JobDefinitions(parsing: document.value).definition(of: ByteString(name))
            var body = given
            for member in definition.registrationMembers.members { body[member.name] = member.value }
            var facts = given["job"]?.objectValue ?? JSONObject()
            let environment = try definition.environment(stated: facts["environment"]?.stringValue)
            if let environment { facts["environment"] = .string(environment) }
            body["job"] = .object(facts)
            return (body, definition)
        } catch {
            throw CommandFailure.wrongConfiguration(located(error, job: name))
        }
    }

    private func located(_ error: JobFileError, job: String) -> String {
        let line = error.path.textsOutwards.lazy.compactMap { document.lines[$0] }.first ?? 1
        let place = error.path == .top ? "\(job)" : error.path.text
        return "\(path):\(line): \(place): \(error.fault.explanation)"
    }
}
