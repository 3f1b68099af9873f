// A mapping in which every key has to mean something.

import JOSE

extension JSONObject {
    /// Refuses a key that is none of these.
    func requireKeys(_ known: Set<ByteString>, at path: JobFilePath) throws(JobFileError) {
        if let stranger = members.first(where: { !known.contains($0.name) }) {
            throw JobFileError(.keyUnknown(stranger.name), at: path.key(stranger.name))
        }
    }
}
