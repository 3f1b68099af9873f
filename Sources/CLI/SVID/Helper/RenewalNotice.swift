import Foundation

/// Tells those who use the files that they are new.
actor RenewalNotice {
    private let signal: SignalName?
    private let program: HelperProgram?
    private let pidFile: PIDFile?
    /// The command that the helper wraps, where there is one.
    private let wrapped: ChildProcess?
    private var tellingProcessOfFile: Task<Void, Never>?
    /// One renewal is told after the other.
    private var telling: Task<Void, Never>?

    init(_ settings: HelperSettings, wrapped: ChildProcess?) {
        signal = settings.renewSignal
        program = settings.command.isEmpty || wrapped != nil ? nil : HelperProgram(settings.command)
        pidFile = settings.pidFile.map(PIDFile.init)
        self.wrapped = wrapped
    }

    /// All files are there, and one of them is new.
    func renewed() async {
        let previous = telling
        let next = Task {
            await previous?.value
            await tell()
        }
        telling = next
        await next.value
    }

    private func tell() async {
        if let signal { wrapped?.notify(signal.number) }
        do {
            try await program?.renewed(signal)
        } catch {
            StandardStreams.complain(ChildCommandComplaint.text(error, "cmd"))
        }
        tellProcessOfFile()
    }

    /// Ends the program.
    func end() async {
        tellingProcessOfFile?.cancel()
        await program?.end()
    }

    /// Tries ten times: the process may be about to write its number.
    func tellProcessOfFileNow() async throws {
        guard let pidFile, let signal else { return }
        var pauses = RetryPause(from: .milliseconds(100), times: 2, upTo: .seconds(30))
        for _ in 1..<10 {
            if (try? pidFile.send(signal)) != nil { return }
            try await Task.sleep(for: pauses.take())
        }
        try pidFile.send(signal)
    }

    private func tellProcessOfFile() {
        guard pidFile != nil else { return }
        tellingProcessOfFile?.cancel()
        tellingProcessOfFile = Task {
            do {
                try await tellProcessOfFileNow()
            } catch let failure as CommandFailure {
                StandardStreams.complain(failure.message)
            } catch {}
        }
    }
}
