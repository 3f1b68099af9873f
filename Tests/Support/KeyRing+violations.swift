// The invariants that every ring keeps, whatever happened to it.

import JOSE
package import Keys

extension KeyRing {
    /// One line for each thing that must hold of any stored ring and does not.
    package var violations: [String] {
        var found: [String] = []
        if Set(keys.map(\.kid)).count < keys.count { found.append("a key is there twice") }
        for algorithm in SigningAlgorithm.allCases {
            let active = keys.count { $0.state == .active && $0.algorithm == algorithm }
            if active > 1 { found.append("\(active) keys sign with \(algorithm.rawValue)") }
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
        if (endedAt == nil) != state.isPublished { found.append("\(name): endedAt") }
        return found
    }
}
