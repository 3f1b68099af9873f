/// Why a text is no endpoint of a Workload API (SPIFFE Workload Endpoint §4).
package enum WorkloadEndpointError: Error, Hashable, Sendable {
    /// It begins with neither `unix:` nor `tcp:`.
    case schemeInvalid
    /// Of `unix:`, the path is not absolute, or a host, a query or a fragment is with it.
    case pathInvalid
    /// The kernel takes paths of sockets of at most 107 bytes.
    case pathTooLong
    /// Of `tcp:`, the host is not an IP address: names are not allowed.
    case addressInvalid
    /// Of `tcp:`, what follows the address is not a port alone.
    case portInvalid

    /// What to write instead, for a person.
    package var explanation: String {
        switch self {
        case .schemeInvalid: "it must be unix:///path or tcp://IP:port"
        case .pathInvalid: "after unix: comes an absolute path alone, as in unix:///run/jobsworth/agent.sock"
        case .pathTooLong: "the path of a socket is at most 107 bytes; choose a shorter one"
        case .addressInvalid: "after tcp:// comes an IP address and a port, as in tcp://127.0.0.1:8081"
        case .portInvalid: "after the address comes a colon and a port from 1 to 65535, and nothing else"
        }
    }
}
