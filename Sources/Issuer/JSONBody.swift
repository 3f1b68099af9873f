package import JOSE

/// The JSON body of a request.
package enum JSONBody {
    /// One strict JSON object: UTF-8, no member twice, at most 64 KiB, 8 deep, 64 members.
    package static func object(_ bytes: [UInt8]) throws(Refusal) -> JSONObject {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.read(bytes)
        } catch {
            switch error {
            case .duplicateMember(let name): throw Refusal(.duplicateMember, name)
            case .tooLarge, .tooDeep, .tooManyMembers, .tooManyElements: throw Refusal(.tooMany)
            default: throw Refusal(.malformedJSON)
            }
        }
        guard case .object(let object) = value else { throw Refusal(.wrongType) }
        return object
    }
}
