import JOSE

/// That a cluster's agents trust the issuer of a profile.
struct CICDProfileLink: Equatable {
    let cluster: String
    let profile: String
    let trustDomain: String

    init(cluster: String, profile: String, trustDomain: String) {
        self.cluster = cluster
        self.profile = profile
        self.trustDomain = trustDomain
    }

    init(_ entry: AgentFile.Entry, _ reading: inout SpecReading) {
        let spec = reading.members(entry.spec, "", known: ["cluster", "profile", "trustDomain"])
        cluster = reading.required(spec, "cluster", in: "")
        profile = reading.required(spec, "profile", in: "")
        trustDomain = reading.required(spec, "trustDomain", in: "")
    }

    var spec: [(name: String, value: String?)] {
        [("cluster", cluster), ("profile", profile), ("trustDomain", trustDomain)]
    }

    var document: JSONObject {
        JSONObject([
            ("cluster", .string(ByteString(cluster))), ("profile", .string(ByteString(profile))),
            ("trust_domain", .string(ByteString(trustDomain))),
        ])
    }
}
