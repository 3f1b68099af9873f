import Foundation
import UnixSignals

/// A helper that writes every file once, tells who is to know, and ends.
struct HelperOnce {
    let helper: SVIDHelper

    func run() async throws {
        let settings = helper.settings
        let child = ChildProcess(hasOtherUser: false)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup, .sigquit)
        let listener = Task { for await signal in signals { child.send(signal.rawValue) } }
        defer { listener.cancel() }
        do {
            try await child.preparing {
                try await helper.writeOnce()
                try await helper.notice.tellProcessOfFileNow()
            }
            guard let name = settings.command.first else { return }
            let code = try await child.run(HelperCommand.of(settings.command, as: child))
            guard code == 0 else { throw CommandFailure.failed("\(name) ended with \(code)") }
        } catch is ChildProcess.Interrupted {
            return
        } catch {
            throw CommandFailure.failed(ChildCommandComplaint.text(error, settings.command.first ?? "cmd"))
        }
    }
}
