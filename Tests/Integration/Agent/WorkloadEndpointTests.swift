import Agent
import JOSE
import Testing

/// SPIFFE Workload Endpoint §4.
@Suite
struct WorkloadEndpointTests {
    @Test(arguments: [
        ("unix:///run/agent.sock", "unix:///run/agent.sock"),
        ("unix:/run/agent.sock", "unix:///run/agent.sock"),
        ("/run/agent.sock", "unix:///run/agent.sock"),
        ("tcp://127.0.0.1:8081", "tcp://127.0.0.1:8081"),
        ("tcp://[::1]:8081", "tcp://[::1]:8081"),
    ])
    func `an endpoint is read as the specification writes it`(_ text: String, _ expected: String) throws {
        #expect(try WorkloadEndpoint(parsing: ByteString(text)).text == expected)
    }

    @Test(arguments: [
        ("", WorkloadEndpointError.schemeInvalid),
        ("http://127.0.0.1:80", .schemeInvalid),
        ("run/agent.sock", .schemeInvalid),
        ("unix://host/agent.sock", .pathInvalid),
        ("unix:agent.sock", .pathInvalid),
        ("unix://", .pathInvalid),
        ("unix:///", .pathInvalid),
        ("unix:////run/a", .pathInvalid),
        ("unix:///run/a?x=1", .pathInvalid),
        ("unix:///run/a#f", .pathInvalid),
        ("unix:///run/a\0b", .pathInvalid),
        ("unix:///" + String(repeating: "a", count: 107), .pathTooLong),
        ("tcp://localhost:8081", .addressInvalid),
        ("tcp://127.1:8081", .addressInvalid),
        ("tcp://u@127.0.0.1:8081", .addressInvalid),
        ("tcp://::1:8081", .addressInvalid),
        ("tcp:127.0.0.1:1", .addressInvalid),
        ("tcp://127.0.0.1:8081/foo", .portInvalid),
        ("tcp://127.0.0.1:0", .portInvalid),
        ("tcp://127.0.0.1:65536", .portInvalid),
        ("tcp://127.0.0.1:", .portInvalid),
        ("tcp://127.0.0.1:+80", .portInvalid),
    ])
    func `anything else is refused`(_ text: String, _ error: WorkloadEndpointError) {
        #expect(throws: error) { try WorkloadEndpoint(parsing: ByteString(text)) }
    }
}
