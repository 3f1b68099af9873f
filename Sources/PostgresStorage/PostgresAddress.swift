import CPostgres

/// Where the database is, as libpq's connection URI says it; the password comes from libpq's own places.
///
/// Whoever has one has libpq: it is loaded here, and nothing of it is called before.
package struct PostgresAddress: Hashable, Sendable {
    /// The URI as it was given.
    package let uri: String
    /// Whether it names several hosts, of which one is the primary.
    let hasSeveralHosts: Bool
    /// The hosts one by one, where several are named and libpq is to find their addresses.
    let places: [Place]

    /// One host of several.
    struct Place: Hashable, Sendable {
        let host: String
        let port: String
    }

    /// Whether a storage URL means PostgreSQL.
    package static func isMeant(by text: String) -> Bool {
        text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") || text.hasPrefix("postgresql:")
    }

    /// - Throws: ``PostgresStoreError/malformedURL`` for what libpq does not take, ``PostgresStoreError/passwordInURL``
    ///   for a URI that would show a password to everyone who lists processes, ``PostgresStoreError/libraryMissing(_:)``.
    package init(_ text: String) throws(PostgresStoreError) {
        if let failure = jobsworth_load_libpq() { throw .libraryMissing(String(cString: failure)) }
        uri = text
        var failure: UnsafeMutablePointer<CChar>?
        // What libpq says of a bad URI repeats it, and perhaps a password.
        defer { PQfreemem(failure) }
        guard Self.isMeant(by: text), let options = PQconninfoParse(text, &failure) else { throw .malformedURL }
        defer { PQconninfoFree(options) }
        var (host, port, hasFixedAddress) = ("", "", false)
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                switch String(cString: keyword) {
                case "password", "sslpassword": throw .passwordInURL
                case "host": host = String(cString: value)
                case "port": port = String(cString: value)
                case "hostaddr": hasFixedAddress = !String(cString: value).isEmpty
                default: break
                }
            }
            option += 1
        }
        let hosts = host.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        // One port is for all; one for each, in their order.
        let ports = port.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        hasSeveralHosts = hosts.count > 1
        places =
            !hasSeveralHosts || hasFixedAddress
            ? []
            : hosts.enumerated().map { number, host in
                Place(host: host, port: ports.count == hosts.count ? ports[number] : ports.first ?? "")
            }
    }
}
