import JOSE
import SPIFFE

/// The attributes of one workload on one cluster.
struct WorkloadAttributes {
    let cluster: ByteString
    let trustDomain: TrustDomain
    let workload: AttestedWorkload

    /// The attribute's text; nil if it is absent, empty, or no single value.
    subscript(_ attribute: WorkloadAttribute) -> ByteString? {
        let text: ByteString?
        switch attribute {
        case .clusterName: text = cluster
        case .trustDomainName: text = trustDomain.name
        case .issuer: text = workload.claims["iss"]?.stringValue
        case .claim(let path): text = path.value(in: workload.claims).flatMap(ClaimPath.text)
        }
        return text.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The attribute's text, without which there is no identity.
    func required(_ attribute: WorkloadAttribute) throws(SVIDRefusal) -> ByteString {
        guard let text = self[attribute] else {
            throw .noIdentity(about: attribute.name + " is absent, empty, or no single value")
        }
        return text
    }
}
