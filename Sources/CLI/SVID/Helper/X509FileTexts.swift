import JOSE
import Keys

/// The three texts of an X.509-SVID, as the settings want them.
struct X509FileTexts {
    let chain: [UInt8]
    let key: [UInt8]
    let bundle: [UInt8]

    /// Puts the certificates where they go; everything is DER.
    ///
    /// What has expired `now` is left out of the bundle, where the settings say so.
    init(
        chain: [[UInt8]],
        privateKey: [UInt8],
        bundle: [[UInt8]],
        federated: [[UInt8]],
        settings: HelperSettings,
        now: NumericDate
    ) {
        let intermediates = Array(chain.dropFirst())
        let movesIntermediates = settings.addsIntermediatesToBundle
        var authorities = (movesIntermediates ? intermediates : []) + bundle
        if settings.includesFederatedDomains { authorities += federated }
        if settings.omitsExpired { authorities = authorities.filter { Self.isCurrent($0, now) } }
        self.chain = PEMText.certificates(movesIntermediates ? Array(chain.prefix(1)) : chain)
        self.key = PEMText.privateKey(privateKey)
        self.bundle = PEMText.certificates(authorities)
    }

    /// What cannot be read is left to its reader.
    private static func isCurrent(_ certificate: [UInt8], _ now: NumericDate) -> Bool {
        (try? CertificateSummary(certificate)).map { now <= $0.expiresAt } ?? true
    }
}
