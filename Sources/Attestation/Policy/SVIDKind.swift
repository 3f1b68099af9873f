/// The two kinds of SVID that are issued.
package enum SVIDKind: String, Hashable, Sendable, CaseIterable {
    case x509
    case jwt
}
