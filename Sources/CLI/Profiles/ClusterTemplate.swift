/// The claims that a cluster's JWT-SVIDs carried before there were policies, as `name={{attribute}},…`.
struct ClusterTemplate: Equatable {
    let cluster: String
    let trustDomain: String
    let jwtTemplate: String

    init(cluster: String, trustDomain: String, jwtTemplate: String) {
        self.cluster = cluster
        self.trustDomain = trustDomain
        self.jwtTemplate = jwtTemplate
    }

    init(_ entry: AgentFile.Entry, _ reading: inout SpecReading) {
        let spec = reading.members(entry.spec, "", known: ["name", "trustDomain", "jwtCustomizationTemplate"])
        cluster = reading.required(spec, "name", in: "")
        trustDomain = reading.required(spec, "trustDomain", in: "")
        jwtTemplate = reading.required(spec, "jwtCustomizationTemplate", in: "")
    }

    func isOfSameCluster(as other: ClusterTemplate) -> Bool {
        cluster == other.cluster && trustDomain == other.trustDomain
    }

    var spec: [(name: String, value: String?)] {
        [("name", cluster), ("trustDomain", trustDomain), ("jwtCustomizationTemplate", jwtTemplate)]
    }
}
