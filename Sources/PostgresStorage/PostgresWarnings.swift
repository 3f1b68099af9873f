import CPostgres

/// Whether the server warned: of a commit that was not waited for as it should be, it says no more than that.
final class PostgresWarnings {
    var isRaised = false

    /// What libpq calls with each notice; without it, it would print them.
    static let receive: PQnoticeReceiver = { context, result in
        guard let context, let severity = PQresultErrorField(result, CInt(UInt8(ascii: "V"))) else { return }
        guard String(cString: severity) == "WARNING" else { return }
        Unmanaged<PostgresWarnings>.fromOpaque(context).takeUnretainedValue().isRaised = true
    }
}
