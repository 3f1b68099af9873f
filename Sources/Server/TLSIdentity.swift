import Foundation
import JOSE
package import Logging
import NIOCore
package import NIOSSL
import ServiceLifecycle
import Synchronization

/// Certificate and key of the listeners, read again when their files change or on SIGHUP.
///
/// New connections get the new certificate. Files that cannot be used leave the old one in place, with a log line.
package final class TLSIdentity: Service {
    private let certificateFile: String
    private let keyFile: String
    private let logger: Logger
    private let current: Mutex<Loaded>

    private struct Loaded {
        var context: NIOSSLContext
        var stamp: [Date?]
    }

    package init(certificateFile: String, keyFile: String, logger: Logger) throws {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.logger = logger
        let stamp = Self.stamp([certificateFile, keyFile])
        current = Mutex(Loaded(context: try Self.load(certificateFile, keyFile), stamp: stamp))
    }

    package var context: NIOSSLContext {
        current.withLock { $0.context }
    }

    /// Looks at the files every two seconds.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(2))
                reloadIfChanged()
            }
        }
    }

    package func reloadIfChanged() {
        let stamp = Self.stamp([certificateFile, keyFile])
        guard stamp != current.withLock({ $0.stamp }) else { return }
        do {
            let context = try Self.load(certificateFile, keyFile)
            current.withLock { $0 = Loaded(context: context, stamp: stamp) }
            logger.info("certificate reloaded", metadata: ["file": "\(certificateFile)"])
        } catch {
            current.withLock { $0.stamp = stamp }
            logger.error("certificate not reloaded: the old one stays", metadata: ["file": "\(certificateFile)"])
        }
    }

    /// TLS 1.2 and 1.3; HTTP/2 for who knows it, else HTTP/1.1.
    private static func load(_ certificateFile: String, _ keyFile: String) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(certificateFile).map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain,
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        configuration.shutdownTimeout = .seconds(1)
        return try NIOSSLContext(configuration: configuration)
    }

    private static func stamp(_ files: [String]) -> [Date?] {
        files.map { try? FileManager.default.attributesOfItem(atPath: $0)[.modificationDate] as? Date }
    }
}
