// Writing JSON, and objects as ordered members.

import JOSE
import TestSupport
import Testing

@Suite struct JSONValueTests {
    @Test(arguments: [
        (JSONValue.null, "null"), (.bool(true), "true"), (.bool(false), "false"),
        (.integer(.min), "-9223372036854775808"),
        (.integer(0), "0"), (.number("1.50E+3"), "1.50E+3"), (.array([]), "[]"),
        (.array([.null, .integer(1)]), "[null,1]"),
        (.object(JSONObject()), "{}"), (.object(JSONObject([("b", .integer(1)), ("a", "x")])), #"{"b":1,"a":"x"}"#),
        ("a/b", #""a/b""#), ("\"\\", #""\"\\""#), ("\n\u{0}\u{1F}\u{7F}", #""\u000a\u0000\u001f\u007f""#),
        ("é€", #""\u00e9\u20ac""#), ("😀\u{10FFFF}", #""\ud83d\ude00\udbff\udfff""#), ("<>&'", #""<>&'""#),
        (.object(JSONObject([("é\"", .null)])), #"{"\u00e9\"":null}"#),
    ])
    func `a value has one spelling, in ASCII`(value: JSONValue, text: String) {
        #expect(String(decoding: value.serialized, as: UTF8.self) == text)
    }

    @Test(arguments: ["1,\"admin\":true", "", "1 ", "01", "NaN", "1}", "-", "\"x\"", "1\n", "0x1"])
    func `a made-up number literal cannot smuggle anything`(literal: String) {
        #expect(JSONValue.number(ByteString(literal)).serialized == Array("null".utf8))
    }

    @Test func `bytes that are not UTF-8 are written as replacement characters`() {
        #expect(JSONValue.string(ByteString([0x61, 0xFF, 0x62])).serialized == Array(#""a\ufffdb""#.utf8))
    }

    @Test func `setting replaces in place, appends or removes`() {
        var object = JSONObject([("a", .integer(1)), ("b", .integer(2)), ("a", .integer(3))])
        #expect(object.serialized == Array(#"{"a":3,"b":2}"#.utf8))
        object["c"] = .null
        object["a"] = "x"
        #expect(object.serialized == Array(#"{"a":"x","b":2,"c":null}"#.utf8))
        object["b"] = nil
        object["nothing"] = nil
        #expect(object.members.map(\.name) == ["a", "c"])
        #expect(object["a"] == "x")
        #expect(object["b"] == nil)
    }

    @Test func `accessors give a value of their kind only`() {
        #expect(JSONValue.string("a").stringValue == "a")
        #expect(JSONValue.integer(1).integerValue == 1)
        #expect(JSONValue.number("1.0").integerValue == nil)
        #expect(JSONValue.string("1").integerValue == nil)
        #expect(JSONValue.bool(true).boolValue == true)
        #expect(JSONValue.integer(1).boolValue == nil)
        #expect(JSONValue.array([]).arrayValue == [])
        #expect(JSONValue.object(JSONObject()).arrayValue == nil)
        #expect(JSONValue.object(JSONObject()).objectValue == JSONObject())
        #expect(JSONValue.null.objectValue == nil)
        #expect(JSONValue.null.stringValue == nil)
    }

    @Test func `reading undoes writing for a thousand random values`() throws {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<1_000 {
            let value = Self.value(depth: 0, using: &random)
            let text = value.serialized
            #expect(try JSONReader.read(text) == value)
            #expect(text.allSatisfy { (0x20..<0x7F).contains($0) })
        }
    }

    private static func value(depth: Int, using random: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth < 7 ? 9 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2:
            return .integer(Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random))
        case 3: return .number(number(using: &random))
        case 4, 5: return .string(text(using: &random))
        case 6:
            return .array(
                (0..<Int.random(in: 0..<5, using: &random)).map { _ in value(depth: depth + 1, using: &random) }
            )
        default:
            return .object(
                JSONObject(
                    (0..<Int.random(in: 0..<5, using: &random)).map { _ in
                        (text(using: &random), value(depth: depth + 1, using: &random))
                    }
                )
            )
        }
    }

    private static func number(using random: inout SeededGenerator) -> ByteString {
        let integer = Int.random(in: -9_999...9_999, using: &random)
        let digits = Int.random(in: 0...999, using: &random)
        return ByteString(
            ["\(integer).\(digits)", "\(integer)e\(digits)", "\(integer).0E-\(digits)", "-0"].randomElement(
                using: &random
            ) ?? "-0"
        )
    }

    private static func text(using random: inout SeededGenerator) -> ByteString {
        var text = ""
        for _ in 0..<Int.random(in: 0..<12, using: &random) {
            let limit: UInt32 = [0x80, 0x800, 0x10000, 0x110000].randomElement(using: &random) ?? 0x80
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &random)) {
                text.unicodeScalars.append(scalar)
            }
        }
        return ByteString(text)
    }
}
