import JOSE

/// How much each trust domain's bundle holds, on one line.
struct BundleLine {
    private let counts: [(domain: ByteString, count: Int)]
    private let unit: ByteString

    init(_ counts: [(ByteString, Int)], of unit: ByteString) {
        self.counts = counts.sorted { $0.0 < $1.0 }.map { (domain: $0.0, count: $0.1) }
        self.unit = unit
    }

    var text: String {
        counts.map { "\($0.domain) \(unit): \($0.count)" }.joined(separator: "; ")
    }

    var json: JSONObject {
        let members = counts.map { ($0.domain, JSONValue.object(JSONObject([(unit, .integer(Int64($0.count)))]))) }
        return JSONObject([("bundles", .object(JSONObject(members)))])
    }
}
