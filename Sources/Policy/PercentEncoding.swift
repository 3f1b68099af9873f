package import JOSE

/// Percent-encoding of bytes (RFC 3986 §2.1).
package enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// `value` with `%`, every byte of `reserved` and every byte outside 0x21–0x7E written as `%XX`, upper-case: two
    /// different values never become the same.
    package static func encode(_ value: ByteString, reserved: [UInt8]) -> ByteString {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(value.count + 8)
        for byte in value.bytes {
            if (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "%") && !reserved.contains(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0x0F)]]
            }
        }
        return ByteString(encoded)
    }

    /// The bytes meant by one name or value of `application/x-www-form-urlencoded`; nil for a `%` without two digits.
    package static func decodedForm(_ text: ArraySlice<UInt8>) -> ByteString? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): decoded.append(0x20)
            case UInt8(ascii: "%"):
                guard let value = hexPair(rest) else { return nil }
                decoded.append(value)
                rest = rest.dropFirst(2)
            default: decoded.append(byte)
            }
        }
        return ByteString(decoded)
    }

    /// As far as it can be decoded: a `%` without two digits stays.
    package static func decodedLeniently(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = hexPair(rest) {
                decoded.append(value)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return decoded
    }

    private static func hexPair(_ text: ArraySlice<UInt8>) -> UInt8? {
        let pair = text.prefix(2)
        guard pair.count == 2, let high = pair.first.flatMap(hexDigit), let low = pair.last.flatMap(hexDigit) else {
            return nil
        }
        return high << 4 | low
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
