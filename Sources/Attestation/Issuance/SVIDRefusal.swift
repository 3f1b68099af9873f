package import JOSE

/// Why a workload gets no SVID.
package enum SVIDRefusal: Error, Hashable, Sendable {
    /// Evidence was presented and is refused: forged, expired, of an issuer or for an audience that is not ours.
    case evidenceRefused(VerificationError)
    /// The evidence names an issuer that nobody configured, or lacks a claim that its issuer is required to make.
    case evidenceNotTrusted
    /// The evidence was good and has expired since: what it earned is not renewed.
    case evidenceExpired
    /// The same evidence was used before, where once is all that is allowed.
    case evidenceReplayed
    /// The policy has no identity for this workload; for the log, `about` says what is missing.
    case noIdentity(about: ByteString)
    /// The issuer's keys cannot be had now.
    case issuerKeysUnavailable
    /// Nothing can be signed or recorded now.
    case unavailable
}
