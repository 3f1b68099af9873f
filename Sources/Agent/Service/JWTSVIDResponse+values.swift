import GRPCCore
import JOSE
import SPIFFE
import WorkloadAPI

extension JWTSVIDResponse {
    init(_ svids: [SPIFFE.JWTSVID]) {
        self.init()
        self.svids = svids.map { svid in
            var part = WorkloadAPI.JWTSVID()
            part.spiffeID = svid.id.text.string
            part.svid = svid.compact.string
            return part
        }
    }
}

extension ValidateJWTSVIDResponse {
    /// The claims as they are, save that `aud` is a list always, as SPIRE has it.
    init(_ finding: JWTSVIDCheck.Finding) {
        self.init()
        spiffeID = finding.id.text.string
        var claims = finding.claims
        if let audience = claims["aud"], audience.arrayValue == nil { claims["aud"] = .array([audience]) }
        self.claims = StructClaims.message(claims)
    }
}
