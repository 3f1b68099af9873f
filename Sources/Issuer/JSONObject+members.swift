package import JOSE

extension JSONObject {
    package func refuseMembers(beyond known: Set<ByteString>, of parent: ByteString = "") throws(Refusal) {
        if let member = members.first(where: { !known.contains($0.name) }) {
            throw Refusal(.unknownMember, parent + member.name)
        }
    }

    package func object(_ name: ByteString) throws(Refusal) -> JSONObject? {
        guard let value = self[name] else { return nil }
        guard case .object(let object) = value else { throw Refusal(.wrongType, name) }
        return object
    }

    package func text(_ name: ByteString) throws(Refusal) -> ByteString? {
        guard let value = self[name] else { return nil }
        guard case .string(let text) = value else { throw Refusal(.wrongType, name) }
        return text
    }

    package func integer(
        _ name: ByteString,
        in range: ClosedRange<Int64>,
        of parent: ByteString = ""
    ) throws(Refusal) -> Int64? {
        guard let value = self[name] else { return nil }
        switch value {
        case .integer(let number):
            guard range.contains(number) else { throw Refusal(.outOfRange, parent + name) }
            return number
        default: throw Refusal(.wrongType, parent + name)
        }
    }
}
