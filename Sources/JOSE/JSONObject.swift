// An object that keeps its members' order: our documents must be the same bytes on every replica.

/// A JSON object (RFC 8259 §4): members in order, no name twice.
///
/// Names are compared byte for byte after unescaping. Two objects are equal if they have equal members in the same order.
package struct JSONObject: Hashable, Sendable {
    /// The members in order; no two have the same name.
    package private(set) var members: [JSONMember]

    /// Creates an empty object.
    package init() {
        members = []
    }

    /// Creates an object from names and values in order.
    ///
    /// If a name comes twice, the later value replaces the earlier one in its place.
    package init(_ pairs: [(ByteString, JSONValue)]) {
        members = []
        members.reserveCapacity(pairs.count)
        for (name, value) in pairs {
            self[name] = value
        }
    }

    /// Creates an object from members already known to have unique names.
    init(uniqueMembers: [JSONMember]) {
        members = uniqueMembers
    }

    /// The value of the member with this name.
    ///
    /// Setting a value replaces that of the member with this name in its place, or appends a member; setting `nil`
    /// removes the member.
    package subscript(_ name: ByteString) -> JSONValue? {
        get { members.first { $0.name == name }?.value }
        set {
            switch (members.firstIndex { $0.name == name }, newValue) {
            case (let index?, let value?): members[index] = JSONMember(name: name, value: value)
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(JSONMember(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The object as compact JSON in ASCII; see ``JSONValue/serialized``.
    package var serialized: [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }
}
