import JOSE

extension JSONObject {
    /// Whether this answer to a registration says that the job gets no token yet.
    var isWaiting: Bool {
        self["status"]?.stringValue == "waiting_approval"
    }

    /// What is said of a job that waits.
    var waitingNotice: String {
        let id = shown("id")
        return
            "job \(id) waits for its environment; see jobsworth approve --list, approve it with jobsworth approve \(id)"
    }
}
