import UnixSignals

/// A helper around one command: from the first files to the command's end.
struct WrappedHelper {
    let helper: SVIDHelper
    let child: ChildProcess
    let command: [String]

    /// The command's exit code.
    func run() async -> Int32 {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup, .sigquit, .sigusr1, .sigusr2)
        let listener = Task { for await signal in signals { child.send(signal.rawValue) } }
        let keepers = helper.settings.isDaemon ? [keeper(), health()] : []
        defer {
            listener.cancel()
            for keeper in keepers { keeper.cancel() }
        }
        do {
            try await child.preparing {
                if helper.settings.isDaemon {
                    try await helper.status.whenComplete()
                    await helper.notice.renewed()
                } else {
                    try await helper.writeOnce()
                    try await helper.notice.tellProcessOfFileNow()
                }
            }
            return try await child.run(HelperCommand.of(command, as: child))
        } catch {
            if !(error is ChildProcess.Interrupted) {
                StandardStreams.complain(ChildCommandComplaint.text(error, command.first ?? ""))
            }
            return ChildCommandComplaint.code(error)
        }
    }

    private func keeper() -> Task<Void, Never> {
        Task {
            do {
                try await helper.keep()
            } catch {
                // Before the command's start it is the reason why there is none.
                if child.isRunning {
                    StandardStreams.complain("the SVIDs are not renewed any more: \(Self.text(error))")
                }
            }
        }
    }

    private func health() -> Task<Void, Never> {
        Task {
            do {
                try await HelperListener(helper: helper).run()
            } catch {
                helper.status.giveUp(error)
            }
        }
    }

    private static func text(_ error: any Error) -> String {
        (error as? CommandFailure)?.message ?? "they cannot be asked for"
    }
}
