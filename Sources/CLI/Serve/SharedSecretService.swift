import Issuer
import JOSE
import Keys
import ServiceLifecycle
import Storage

/// Takes over, within a second, the key of the request tokens that another process put into a store which they share.
struct SharedSecretService: Service {
    let secrets: any SecretStore
    let sealer: ReplaceableKeySealer
    let requestTokens: RequestTokenKey

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var known: SealedSecret?
            while !Task.isCancelled {
                let name = RequestTokenKey.secretName
                if let sealed = try? await secrets.sealedSecrets()[name], sealed != known { known = take(sealed) }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// What our sealing key does not open is looked at again: the key may come.
    private func take(_ sealed: SealedSecret) -> SealedSecret? {
        guard let secret = try? sealer.unseal(sealed, context: RequestTokenKey.sealingContext) else { return nil }
        requestTokens.replace(secret: secret)
        return sealed
    }
}
