import JOSE
import SPIFFE

/// Reads the section `WorkloadAttestation`.
struct IssuerReader {
    private(set) var reader: SectionReader
    private let trustDomain: TrustDomain

    init(trustDomain: TrustDomain) {
        reader = SectionReader(section: "WorkloadAttestation")
        self.trustDomain = trustDomain
    }

    mutating func issuers(_ spec: JSONValue?) -> TrustedIssuers {
        let top = reader.object(spec, "spec", ["jwt", "kubernetes", "docker", "linux", "systemd"])
        for member in top.members where member.name != "jwt" {
            refuse(member.value, SectionReader.path("spec", member.name))
        }
        let jwt = reader.object(top["jwt"], "spec.jwt", ["enabled", "allowedIssuers"])
        let isEnabled = reader.flag(jwt["enabled"], "spec.jwt.enabled") ?? false
        var issuers: [TrustedIssuer] = []
        for (index, value) in reader.list(jwt["allowedIssuers"], "spec.jwt.allowedIssuers").enumerated() {
            let path = SectionReader.path("spec.jwt.allowedIssuers", index)
            guard let issuer = issuer(value, path) else { continue }
            if issuers.contains(where: { $0.name == issuer.name }) {
                reader.note(path + ".issuer", "stands there twice; put all that is asked of it in one entry")
            }
            issuers.append(issuer)
        }
        if isEnabled, issuers.isEmpty, reader.problems.isEmpty {
            reader.note("spec.jwt.allowedIssuers", "is empty; name an issuer, or say enabled: false")
        }
        return TrustedIssuers(isEnabled ? issuers : [])
    }

    /// Other attestors of the platform whose section this is: there may be words of theirs, as long as they are off.
    private mutating func refuse(_ attestor: JSONValue, _ path: ByteString) {
        let members = reader.object(attestor, path, nil)
        if reader.flag(members["enabled"], path + ".enabled") == true {
            reader.note(path + ".enabled", "is not offered: this agent attests by JWT; say enabled: false")
        }
    }

    private static let members: Set<ByteString> = [
        "issuer", "jwksURI", "audiences", "requiredClaims", "algorithms", "caBundle", "maximumAge", "clockSkew",
        "replay",
    ]

    private mutating func issuer(_ value: JSONValue, _ path: ByteString) -> TrustedIssuer? {
        let members = reader.object(value, path, Self.members)
        let name = url(members["issuer"], path + ".issuer", mayHaveQuery: false)
        if members["issuer"] == nil { reader.note(path + ".issuer", "is missing") }
        let location = KeyLocation(
            issuer: name ?? "",
            jwksURI: url(members["jwksURI"], path + ".jwksURI", mayHaveQuery: true),
            caBundle: reader.text(members["caBundle"], path + ".caBundle")
        )
        let skew = reader.seconds(members["clockSkew"], path + ".clockSkew", 0...TokenVerifier.maximumLeeway)
        let age = reader.seconds(members["maximumAge"], path + ".maximumAge", 1...TokenVerifier.maximumAge)
        let issuer = TrustedIssuer(
            keyLocation: location,
            audiences: audiences(members["audiences"], path + ".audiences"),
            requiredClaims: requiredClaims(members["requiredClaims"], path + ".requiredClaims"),
            algorithms: algorithms(members["algorithms"], path + ".algorithms"),
            maximumAge: age ?? TokenVerifier.maximumAge,
            clockSkew: skew ?? 30,
            refusesReplay: refusesReplay(members["replay"], path + ".replay")
        )
        return name == nil ? nil : issuer
    }

    private mutating func url(_ value: JSONValue?, _ path: ByteString, mayHaveQuery: Bool) -> ByteString? {
        guard let url = reader.text(value, path) else { return nil }
        guard let problem = IssuerAddress.problem(with: url, mayHaveQuery: mayHaveQuery) else { return url }
        reader.note(path, problem)
        return nil
    }

    private mutating func audiences(_ value: JSONValue?, _ path: ByteString) -> [ByteString] {
        value == nil ? [trustDomain.id] : reader.texts(value, path)
    }

    private mutating func algorithms(_ value: JSONValue?, _ path: ByteString) -> Set<SignatureAlgorithm> {
        guard value != nil else { return [.RS256, .ES256] }
        let algorithms = reader.texts(value, path).compactMap { name in
            if let algorithm = SignatureAlgorithm(name) { return algorithm }
            let known = SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
            reader.note(path, "names " + name + "; it may name " + ByteString(known))
            return nil
        }
        return Set(algorithms)
    }

    private mutating func requiredClaims(_ value: JSONValue?, _ path: ByteString) -> [RequiredClaim] {
        reader.object(value, path, nil).members.compactMap { member in
            let memberPath = SectionReader.path(path, member.name)
            let patterns = reader.texts(member.value, memberPath).map(ClaimPattern.init)
            guard let claim = ClaimPath(member.name) else {
                reader.note(
                    memberPath,
                    "is no claim; write sub, a.b for what is inside a, or [a.b] for a name with dots"
                )
                return nil
            }
            return patterns.isEmpty ? nil : RequiredClaim(path: claim, patterns: patterns)
        }
    }

    private mutating func refusesReplay(_ value: JSONValue?, _ path: ByteString) -> Bool {
        guard let text = reader.text(value, path) else { return false }
        if text != "allow", text != "refuse" { reader.note(path, "must be allow or refuse") }
        return text == "refuse"
    }
}
