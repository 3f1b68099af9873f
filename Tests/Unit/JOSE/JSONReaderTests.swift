// Strict RFC 8259: a corpus in the manner of JSONTestSuite, bounds, and hostile input (threats C01 to C03).

import JOSE
import TestSupport
import Testing

@Suite struct JSONReaderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let isValid: Bool

        var testDescription: String { name }

        static func y(_ name: String, _ text: String) -> Case {
            Case(name: "y_" + name, bytes: Array(text.utf8), isValid: true)
        }

        static func n(_ name: String, _ text: String) -> Case {
            Case(name: "n_" + name, bytes: Array(text.utf8), isValid: false)
        }

        static func y(_ name: String, bytes: [UInt8]) -> Case {
            Case(name: "y_" + name, bytes: bytes, isValid: true)
        }

        static func n(_ name: String, bytes: [UInt8]) -> Case {
            Case(name: "n_" + name, bytes: bytes, isValid: false)
        }
    }

    static let valid: [Case] = [
        .y("null", "null"), .y("true", "true"), .y("false", "false"), .y("zero", "0"), .y("minus_zero", "-0"),
        .y("integer", "123"), .y("negative", "-123"), .y("fraction", "0.5"), .y("exponent", "1e5"),
        .y("exponent_plus", "1E+5"), .y("exponent_minus", "1e-5"), .y("exponent_leading_zero", "1e05"),
        .y("fraction_and_exponent", "-1.25e10"), .y("zero_exponent", "0e0"),
        .y("beyond_64_bits", "9223372036854775808"),
        .y("beyond_double", "1e999999"), .y("empty_string", "\"\""), .y("string", "\"abc\""),
        .y("whitespace_around", " \t\r\n1 \t\r\n"), .y("empty_array", "[]"), .y("empty_array_space", "[ ]"),
        .y("empty_object", "{}"), .y("empty_object_space", "{\n}"), .y("array", "[1,\"a\",null,[],{}]"),
        .y("object", "{\"a\":1,\"b\":{}}"), .y("object_spaces", " { \"a\" : 1 , \"b\" : [ ] } "),
        .y("empty_name", "{\"\":0}"), .y("names_differ_in_case", "{\"a\":1,\"A\":2}"),
        .y("names_canonically_equivalent", "{\"\u{E9}\":1,\"e\u{301}\":2}"),
        .y("same_name_on_two_levels", "{\"a\":{\"a\":1}}"),
        .y("escapes", #""\"\\\/\b\f\n\r\t""#), .y("unicode_escape", #""\u00e9\u00E9""#),
        .y("escaped_nul", #""\u0000""#),
        .y("surrogate_pair", #""\ud83d\ude00""#), .y("last_surrogate_pair", #""\uDBFF\uDFFF""#),
        .y("noncharacter_escape", #""\uFFFF""#), .y("escaped_bom", #""\uFEFF""#),
        .y("raw_bom_in_string", "\"\u{FEFF}\""),
        .y("utf8_two", "\"é\""), .y("utf8_three", "\"€\""), .y("utf8_four", "\"😀\""), .y("delete", "\"\u{7F}\""),
        .y("line_separator", "\"\u{2028}\""), .y("slash", "\"/\""), .y("c1_control", "\"\u{85}\""),
        .y("first_two_byte", bytes: [0x22, 0xC2, 0x80, 0x22]),
        .y("first_three_byte", bytes: [0x22, 0xE0, 0xA0, 0x80, 0x22]),
        .y("before_surrogates", bytes: [0x22, 0xED, 0x9F, 0xBF, 0x22]),
        .y("last_scalar", bytes: [0x22, 0xF4, 0x8F, 0xBF, 0xBF, 0x22]),
    ]

    static let invalid: [Case] = [
        .n("nothing", ""), .n("only_space", " "), .n("two_values", "1 2"), .n("trailing_comma_top", "1,"),
        .n("trailing_text", "{}x"), .n("trailing_nul", "{}\0"), .n("trailing_bracket", "[]]"),
        .n("trailing_brace", "{}}"),
        .n("comment_line", "1//"), .n("comment_block", "/**/1"), .n("comment_hash", "#\n1"),
        .n("comment_in", "[1/**/]"),
        .n("trailing_comma_array", "[1,]"), .n("trailing_comma_object", "{\"a\":1,}"), .n("leading_comma", "[,1]"),
        .n("double_comma", "[1,,2]"), .n("only_comma", "[,]"), .n("missing_comma", "[1 2]"),
        .n("colon_for_comma", "[1:2]"),
        .n("unclosed_array", "[1"), .n("unclosed_array_comma", "[1,"), .n("unclosed_object", "{\"a\":1"),
        .n("open_brace", "{"), .n("open_bracket", "["), .n("mismatched", "[1}"), .n("mismatched_object", "{\"a\":1]"),
        .n("no_colon", "{\"a\" 1}"), .n("no_value", "{\"a\":}"), .n("no_value_comma", "{\"a\":,\"b\":1}"),
        .n("double_colon", "{\"a\"::1}"), .n("bare_name", "{a:1}"), .n("number_name", "{1:1}"),
        .n("null_name", "{null:1}"),
        .n("single_quotes", "'a'"), .n("single_quoted_name", "{'a':1}"), .n("backquotes", "`a`"),
        .n("duplicate", "{\"a\":1,\"a\":1}"), .n("duplicate_escaped", #"{"audience":"a","\u0061udience":"b"}"#),
        .n("duplicate_slash", #"{"a/b":1,"a\/b":2}"#), .n("duplicate_surrogates", #"{"😀":1,"\ud83d\ude00":2}"#),
        .n("duplicate_apart", "{\"a\":1,\"b\":2,\"a\":3}"), .n("duplicate_nested", "[{\"x\":{\"a\":1,\"a\":2}}]"),
        .n("duplicate_empty", "{\"\":1,\"\":2}"),
        .n("nan", "NaN"), .n("infinity", "Infinity"), .n("minus_infinity", "-Infinity"), .n("True", "True"),
        .n("TRUE", "TRUE"), .n("tru", "tru"), .n("truee", "truee"), .n("nul", "nul"), .n("nil", "nil"),
        .n("undefined", "undefined"), .n("minus", "-"), .n("plus", "+1"), .n("leading_zero", "01"),
        .n("minus_leading_zero", "-01"), .n("double_zero", "00"), .n("point_first", ".5"), .n("point_last", "1."),
        .n("point_exponent", "1.e5"), .n("two_points", "1.2.3"), .n("exponent_empty", "1e"), .n("exponent_sign", "1e+"),
        .n("exponent_fraction", "1e5.5"), .n("hex", "0x10"), .n("underscore", "1_000"), .n("double_minus", "--1"),
        .n("minus_space", "- 1"), .n("fullwidth_digit", "１"), .n("suffix", "1L"),
        .n("unclosed_string", "\"abc"), .n("only_quote", "\""), .n("raw_newline", "\"a\nb\""), .n("raw_tab", "\"\t\""),
        .n("raw_nul", "\"\0\""), .n("raw_unit_separator", "\"\u{1F}\""), .n("escape_end", "\"\\"),
        .n("escape_quote", "\"\\\""),
        .n("escape_x", #""\x41""#), .n("escape_a", #""\a""#), .n("escape_single_quote", #""\'""#),
        .n("escape_zero", #""\0""#),
        .n("escape_upper_u", #""\U0041""#), .n("short_unicode", #""\u004""#), .n("unicode_no_digits", #""\u""#),
        .n("unicode_not_hex", #""\u00g0""#), .n("unicode_braces", #""\u{41}""#), .n("unicode_sign", #""\u+041""#),
        .n("unicode_truncated", #""\u12"#), .n("lone_high", #""\ud800""#), .n("lone_low", #""\udc00""#),
        .n("swapped_pair", #""\ude00\ud83d""#), .n("high_then_text", #""\ud800x""#), .n("high_then_n", #""\ud800\n""#),
        .n("high_then_high", #""\ud800\ud800""#), .n("high_then_scalar", #""\ud800\u0041""#),
        .n("high_truncated", #""\ud83d\ude0"#),
        .n("bom", bytes: [0xEF, 0xBB, 0xBF, 0x31]), .n("utf16_le", bytes: [0x31, 0x00]),
        .n("utf16_be", bytes: [0x00, 0x31]),
        .n("utf16_bom", bytes: [0xFF, 0xFE, 0x31, 0x00]), .n("utf32", bytes: [0x00, 0x00, 0x00, 0x31]),
        .n("overlong_slash", bytes: [0x22, 0xC0, 0xAF, 0x22]), .n("overlong_nul", bytes: [0x22, 0xC0, 0x80, 0x22]),
        .n("overlong_quote", bytes: [0x22, 0xC0, 0xA2, 0x22]), .n("overlong_c1", bytes: [0x22, 0xC1, 0xBF, 0x22]),
        .n("overlong_three", bytes: [0x22, 0xE0, 0x9F, 0xBF, 0x22]),
        .n("overlong_four", bytes: [0x22, 0xF0, 0x8F, 0xBF, 0xBF, 0x22]),
        .n("surrogate_high", bytes: [0x22, 0xED, 0xA0, 0x80, 0x22]),
        .n("surrogate_low", bytes: [0x22, 0xED, 0xBF, 0xBF, 0x22]),
        .n("cesu8", bytes: [0x22, 0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80, 0x22]),
        .n("beyond_unicode", bytes: [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22]),
        .n("f5", bytes: [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22]),
        .n("fe", bytes: [0x22, 0xFE, 0x22]), .n("ff", bytes: [0x22, 0xFF, 0x22]),
        .n("latin1", bytes: [0x22, 0xE9, 0x22]),
        .n("lone_continuation", bytes: [0x22, 0x80, 0x22]), .n("truncated_two", bytes: [0x22, 0xC3, 0x22]),
        .n("truncated_three", bytes: [0x22, 0xE2, 0x82, 0x22]),
        .n("truncated_four", bytes: [0x22, 0xF0, 0x9F, 0x98, 0x22]),
        .n("truncated_end", bytes: [0x22, 0xE2, 0x82]), .n("utf8_outside_string", "é"), .n("nbsp", "\u{A0}1"),
        .n("form_feed", "\u{C}1"), .n("vertical_tab", "\u{B}1"), .n("line_separator_outside", "\u{2028}1"),
        .n("nul_value", bytes: [0x00]),
    ]

    @Test(arguments: valid + invalid)
    func `RFC 8259 decides`(_ example: Case) {
        let value = try? JSONReader.read(example.bytes)
        #expect((value != nil) == example.isValid)
    }

    @Test(arguments: valid)
    func `what was read is written so that it reads the same`(_ example: Case) throws {
        let value = try JSONReader.read(example.bytes)
        #expect(try JSONReader.read(value.serialized) == value)
    }

    @Test func `values are what the text says`() throws {
        let text =
            #"{"s":"a\u00e9\ud83d\ude00\/","i":-9223372036854775808,"b":true,"n":null,"a":[9223372036854775807,1.0,-0]}"#
        let value = try JSONReader.read(Array(text.utf8))
        let expected = JSONObject([
            ("s", "aé😀/"), ("i", .integer(.min)), ("b", .bool(true)), ("n", .null),
            ("a", .array([.integer(.max), .number("1.0"), .number("-0")])),
        ])
        #expect(value == .object(expected))
    }

    @Test(arguments: [
        ("9223372036854775808", "9223372036854775808"), ("-9223372036854775809", "-9223372036854775809"),
        ("1e0", "1e0"), ("1.00", "1.00"), ("100000000000000000000000", "100000000000000000000000"),
    ])
    func `a number that is no 64-bit integer is kept as written`(text: String, literal: String) throws {
        #expect(try JSONReader.read(Array(text.utf8)) == .number(ByteString(literal)))
    }

    @Test(arguments: [
        ("{\"a\":1,\"\\u0061\":2}", JSONError.duplicateMember("a")), ("[1,x]", .malformed(offset: 3)),
        ("", .malformed(offset: 0)), ("{} x", .malformed(offset: 3)), ("\"\\ud800\"", .malformed(offset: 2)),
    ])
    func `an error says what and where`(text: String, error: JSONError) {
        #expect(throws: error) { try JSONReader.read(Array(text.utf8)) }
    }

    @Test func `depth is bounded`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        _ = try JSONReader.read(nested(8))
        #expect(throws: JSONError.tooDeep) { try JSONReader.read(nested(9)) }
        #expect(throws: JSONError.tooDeep) { try JSONReader.read(Array(String(repeating: "[", count: 65_536).utf8)) }
        #expect(throws: JSONError.tooDeep) {
            try JSONReader.read(Array(String(repeating: "{\"a\":", count: 9).utf8))
        }
        _ = try JSONReader.read(Array("1".utf8), limits: JSONReader.Limits(maximumDepth: 0))
        #expect(throws: JSONError.tooDeep) {
            try JSONReader.read(Array("[]".utf8), limits: JSONReader.Limits(maximumDepth: 0))
        }
    }

    @Test func `no limit lets recursion run off the stack`() {
        let limits = JSONReader.Limits(maximumBytes: 1_000_000, maximumDepth: .max)
        #expect(throws: JSONError.tooDeep) {
            try JSONReader.read([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000), limits: limits)
        }
    }

    @Test func `siblings do not add to depth`() throws {
        _ = try JSONReader.read(Array("[[[[[[[[],[]],[]],[]],[]],[]],[]],[]]".utf8))
    }

    @Test func `members are bounded`() throws {
        func object(_ count: Int) -> [UInt8] {
            JSONObject((0..<count).map { (ByteString("m\($0)"), JSONValue.integer(0)) }).serialized
        }
        _ = try JSONReader.read(object(64))
        #expect(throws: JSONError.tooManyMembers) { try JSONReader.read(object(65)) }
    }

    @Test func `elements are bounded`() throws {
        _ = try JSONReader.read(JSONValue.array(Array(repeating: .null, count: 256)).serialized)
        #expect(throws: JSONError.tooManyElements) {
            try JSONReader.read(JSONValue.array(Array(repeating: .null, count: 257)).serialized)
        }
    }

    @Test func `size is bounded before anything is read`() throws {
        let text = [UInt8](repeating: UInt8(ascii: "x"), count: 65_537)
        #expect(throws: JSONError.tooLarge) { try JSONReader.read(text) }
        let number = [UInt8](repeating: UInt8(ascii: "9"), count: 65_536)
        #expect(try JSONReader.read(number) == .number(ByteString(number)))
    }

    @Test func `random and mutated bytes never trap`() {
        var random = SeededGenerator(seed: 3)
        let seeds = (Self.valid + Self.invalid).map(\.bytes)
        var accepted = 0
        for round in 0..<20_000 {
            let bytes: [UInt8]
            if round.isMultiple(of: 4) {
                let count = Int.random(in: 0..<40, using: &random)
                bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            } else {
                bytes = random.mutated(seeds[round % seeds.count])
            }
            guard let value = try? JSONReader.read(bytes) else { continue }
            accepted += 1
            #expect((try? JSONReader.read(value.serialized)) == value)
        }
        #expect(accepted > 500)
    }
}
