import Agent
import Foundation
import NIOCore
import NIOPosix

/// Says at once why nobody answers on a Unix socket: a gRPC client would go on trying until its time is over.
enum SocketProbe {
    static func require(_ endpoint: WorkloadEndpoint) throws {
        guard case .unix(let path) = endpoint else { return }
        do {
            let probe = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            try probe.connect(unixDomainSocketPath: path).wait().close().wait()
        } catch let error as IOError {
            throw CommandFailure.failed(explanation(error.errnoCode, path))
        } catch {
            throw CommandFailure.failed("\(path) cannot be connected to; is it the agent's socket?")
        }
    }

    private static func explanation(_ code: Int32, _ path: String) -> String {
        switch code {
        case ENOENT: "there is no socket at \(path); is the agent running, and is this its path?"
        case EACCES, EPERM: "this user may not connect to \(path); ask for the socket's mode and its folders'"
        case ECONNREFUSED: "nobody listens on \(path); is the agent running?"
        default: "\(path) cannot be connected to: \(String(cString: strerror(code)))"
        }
    }
}
