package import JOSE

/// An additional claim: a name of its own, and a value made of the job's attributes.
package struct ClaimTemplate: Hashable, Sendable {
    package let name: ByteString
    private let template: Template

    /// Why an additional claim is refused when it is loaded.
    package enum Invalid: Error, Hashable, Sendable {
        case name
        case reserved
        case value(TemplateError)

        package var explanation: ByteString {
            switch self {
            case .name: "is no name for a claim; it must be like team or cost_center: [a-z][a-z0-9_]{0,63}"
            case .reserved: "is a claim that only the issuer sets; take another name"
            case .value(let error): error.explanation
            }
        }
    }

    package init(name: ByteString, value: ByteString) throws(Invalid) {
        guard !ReservedClaims.contains(name) else { throw .reserved }
        guard Self.isName(name) else { throw .name }
        self.name = name
        do throws(TemplateError) { template = try Template(value) } catch { throw .value(error) }
    }

    package var text: ByteString { template.text }

    /// A single value stands as it is; of several each is escaped, so that different values never render alike.
    package func value(for job: JobDescription) throws(Denial) -> ByteString {
        try template.rendered(for: job) { template.attributes.count == 1 ? $0 : Template.escaped($0) }
    }

    private static func isName(_ name: ByteString) -> Bool {
        guard let first = name.bytes.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else {
            return false
        }
        return name.count <= 64
            && name.bytes.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
            }
    }
}
