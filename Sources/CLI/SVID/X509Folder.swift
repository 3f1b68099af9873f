import Agent
import SPIFFE

/// X.509-SVIDs as files, named as by `spire-agent api fetch x509 -write`.
struct X509Folder {
    let folder: SafeOutputFolder

    /// Writes all that was received; the names of the files.
    func write(_ received: ReceivedX509SVIDs) throws -> [String] {
        var files = federated(received)
        for (index, svid) in received.svids.enumerated() { files += self.files(svid, index) }
        try folder.write(files)
        return files.map { "\(folder.path)/\($0.name)" }
    }

    private func files(_ svid: ReceivedX509SVID, _ index: Int) -> [SafeOutputFolder.File] {
        [
            file("svid.\(index).key", PEMText.privateKey(svid.privateKey), 0o600),
            file("svid.\(index).pem", PEMText.certificates(svid.chain), 0o644),
            file("bundle.\(index).pem", PEMText.certificates(svid.bundle), 0o644),
        ]
    }

    /// Each SVID has its own, all the same: the second number is that of the trust domain, by name.
    private func federated(_ received: ReceivedX509SVIDs) -> [SafeOutputFolder.File] {
        let bundles = received.federatedBundles.sorted { $0.key.name < $1.key.name }
        return received.svids.indices.flatMap { index in
            bundles.enumerated().map { number, bundle in
                file("federated_bundle.\(index).\(number).pem", PEMText.certificates(bundle.value), 0o644)
            }
        }
    }

    private func file(_ name: String, _ bytes: [UInt8], _ mode: UInt32) -> SafeOutputFolder.File {
        SafeOutputFolder.File(name: name, bytes: bytes, mode: FileMode(mode))
    }
}
