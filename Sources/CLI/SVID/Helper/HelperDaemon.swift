import UnixSignals

/// A helper on its own, until it is told to end.
struct HelperDaemon {
    let helper: SVIDHelper

    /// Returns after SIGINT or SIGTERM.
    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        do {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for await _ in signals { break }
                    return true
                }
                group.addTask {
                    try await helper.keep()
                    return false
                }
                group.addTask {
                    try await helper.status.whenComplete()
                    await helper.notice.renewed()
                    return false
                }
                group.addTask {
                    try await HelperListener(helper: helper).run()
                    return false
                }
                while let isOver = try await group.next() {
                    if isOver { break }
                }
                group.cancelAll()
            }
        } catch {
            await helper.notice.end()
            throw error
        }
        await helper.notice.end()
    }
}
