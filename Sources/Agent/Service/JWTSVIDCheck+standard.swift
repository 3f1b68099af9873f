import JOSE
import SPIFFE

extension JWTSVIDCheck {
    /// As the standard says (JWT-SVID §4).
    package static let standard = JWTSVIDCheck(document: { $0.jwkSetDocument }) {
        token,
        audience,
        bundle,
        now throws(Invalid) in
        do throws(JWTSVIDError) {
            let verified = try JWTSVIDVerifier(bundles: [bundle]).verify(token, audience: audience, at: now)
            return Finding(id: verified.id, claims: verified.claims)
        } catch {
            throw Invalid(reason: error.explanation.string)
        }
    }
}
