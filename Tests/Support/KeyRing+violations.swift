// The invariants that every ring keeps, whatever happened to it.

import JOSE
package import Keys

extension KeyRing {
    /// One line for each thing that must hold of any stored ring and does not.
    package var violations: [String] {
        var found: [String] = []
        if Set(keys.map(\.kid)).count < keys.count { found.append("a key is there twice") }
        for purpose in KeyPurpose.allTokens + [.certificates] {
            let active = keys.count { $0.state == .active && $0.purpose == purpose }
            if active > 1 { found.append("\(active) keys sign for \(purpose.name)") }
        }
        return found + keys.flatMap(\.violations)
    }
}

extension SigningKey {
    fileprivate var violations: [String] {
        var found: [String] = []
        let name = "\(state.rawValue) \(kid.string)"
        if kid != publicKey.thumbprint { found.append("\(name) is not named by its thumbprint") }
        if (sealedPrivateKey != nil) != state.keepsPrivateHalf { found.append("\(name): wrong private half") }
        if state == .prepared && activatedAt != nil { found.append("\(name) signed") }
        if (state == .active || state == .retiring) && activatedAt == nil { found.append("\(name) never signed") }
        if state == .retiring && retiringAt == nil { found.append("\(name): no retiringAt") }
        if (certificate != nil) != (purpose == .certificates) { found.append("\(name): wrong certificate") }
        if (endedAt == nil) != state.isPublished { found.append("\(name): endedAt") }
        return found
    }
}
