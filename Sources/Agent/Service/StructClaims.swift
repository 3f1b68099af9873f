import JOSE
import SwiftProtobuf

/// Claims as `google.protobuf.Struct`, and back.
enum StructClaims {
    /// The greatest integer that a double holds like all below it.
    private static let exactIntegers = -9_007_199_254_740_991.0...9_007_199_254_740_991.0

    static func message(_ object: JSONObject) -> Google_Protobuf_Struct {
        var message = Google_Protobuf_Struct()
        for member in object.members { message.fields[member.name.string] = value(member.value) }
        return message
    }

    /// The members in the order of their names.
    static func object(_ message: Google_Protobuf_Struct) -> JSONObject {
        let members = message.fields.map { (ByteString($0.key), json($0.value)) }
        return JSONObject(members.sorted { $0.0 < $1.0 })
    }

    private static func value(_ value: JSONValue) -> Google_Protobuf_Value {
        switch value {
        case .null: Google_Protobuf_Value(nilLiteral: ())
        case .bool(let bool): Google_Protobuf_Value(boolValue: bool)
        case .integer(let integer): Google_Protobuf_Value(numberValue: Double(integer))
        // A number beyond a double has no place in a Struct other than as text.
        case .number(let literal): number(literal)
        case .string(let text): Google_Protobuf_Value(stringValue: text.string)
        case .array(let elements):
            Google_Protobuf_Value(listValue: Google_Protobuf_ListValue(values: elements.map(Self.value)))
        case .object(let object): Google_Protobuf_Value(structValue: message(object))
        }
    }

    private static func number(_ literal: ByteString) -> Google_Protobuf_Value {
        guard let number = Double(literal.string), number.isFinite else {
            return Google_Protobuf_Value(stringValue: literal.string)
        }
        return Google_Protobuf_Value(numberValue: number)
    }

    private static func json(_ value: Google_Protobuf_Value) -> JSONValue {
        switch value.kind {
        case .boolValue(let bool): .bool(bool)
        case .numberValue(let number): json(number)
        case .stringValue(let text): .string(ByteString(text))
        case .listValue(let list): .array(list.values.map(json))
        case .structValue(let object): .object(Self.object(object))
        case .nullValue, nil: .null
        }
    }

    private static func json(_ number: Double) -> JSONValue {
        guard exactIntegers.contains(number), number.rounded() == number else {
            return .number(ByteString("\(number)"))
        }
        return .integer(Int64(number))
    }
}
