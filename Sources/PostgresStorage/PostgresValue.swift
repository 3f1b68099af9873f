/// What is bound to a parameter, in PostgreSQL's binary format: nothing is ever pasted into a statement.
enum PostgresValue {
    case bytes([UInt8]?)
    case integer(Int64?)
    case bool(Bool)
    case text(String?)
    case byteArrays([[UInt8]?])
    case integers([Int64?])
    case texts([String])

    /// The OID of the type (`pg_type.dat`): bytea, int8, bool, text and their arrays.
    var type: UInt32 {
        switch self {
        case .bytes: 17
        case .integer: 20
        case .bool: 16
        case .text: 25
        case .byteArrays: 1001
        case .integers: 1016
        case .texts: 1009
        }
    }

    /// Nil for NULL.
    var encoded: [UInt8]? {
        switch self {
        case .bytes(let bytes): bytes
        case .integer(let integer): integer.map(Self.encode)
        case .bool(let bool): [bool ? 1 : 0]
        case .text(let text): text.map { Array($0.utf8) }
        case .byteArrays(let values): Self.array(values, of: 17)
        case .integers(let values): Self.array(values.map { $0.map(Self.encode) }, of: 20)
        case .texts(let values): Self.array(values.map { Array($0.utf8) }, of: 25)
        }
    }

    private static func encode(_ integer: Int64) -> [UInt8] {
        withUnsafeBytes(of: integer.bigEndian) { Array($0) }
    }

    private static func encode(_ integer: Int32) -> [UInt8] {
        withUnsafeBytes(of: integer.bigEndian) { Array($0) }
    }

    /// An array of one dimension that begins at 1 (`array_recv` of the server).
    private static func array(_ values: [[UInt8]?], of type: Int32) -> [UInt8] {
        let hasNull: Int32 = values.contains { $0 == nil } ? 1 : 0
        guard !values.isEmpty else { return encode(Int32(0)) + encode(hasNull) + encode(type) }
        var bytes = encode(Int32(1)) + encode(hasNull) + encode(type)
        bytes += encode(Int32(clamping: values.count)) + encode(Int32(1))
        for value in values {
            guard let value else {
                bytes += encode(Int32(-1))
                continue
            }
            bytes += encode(Int32(clamping: value.count))
            bytes += value
        }
        return bytes
    }
}
