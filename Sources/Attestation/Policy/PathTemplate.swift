package import JOSE

/// The path of a SPIFFE ID with attributes of the workload in it.
///
/// A value fills the place of its attribute and never more than that one segment; no two values render alike. So under one
/// template two workloads have one ID only if all that the template names is the same.
package struct PathTemplate: Hashable, Sendable {
    package let text: ByteString
    let segments: [PathSegment]

    package init(_ text: ByteString) throws(TemplateProblem) {
        self.text = text
        let template = try TemplateText(text)
        var segments: [[TemplateText.Part]] = []
        for part in template.parts {
            switch part {
            case .attribute:
                guard !segments.isEmpty else { throw .segmentEmpty }
                segments[segments.count - 1].append(part)
            case .literal(let literal):
                let pieces = literal.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                for (index, piece) in pieces.enumerated() {
                    if index > 0 { segments.append([]) }
                    guard !piece.isEmpty else { continue }
                    guard !segments.isEmpty else { throw .segmentEmpty }
                    segments[segments.count - 1].append(.literal(ByteString(piece)))
                }
            }
        }
        guard !segments.isEmpty else { throw .segmentEmpty }
        var checked: [PathSegment] = []
        for parts in segments { checked.append(try PathSegment(parts)) }
        guard checked.first != PathSegment.reserved else { throw .reservedPath }
        self.segments = checked
    }

    /// Whether it says nothing of who the workload is.
    package var isStatic: Bool {
        !segments.contains { segment in
            switch segment.attribute {
            case .claim: true
            case nil, .clusterName, .trustDomainName, .issuer: false
            }
        }
    }

    /// The path of the workload's ID.
    func path(for attributes: WorkloadAttributes) throws(SVIDRefusal) -> ByteString {
        var path: ByteString = ""
        for (index, segment) in segments.enumerated() {
            let rendered = try segment.rendered(for: attributes)
            if index == 0, rendered == PathSegment.reservedName {
                throw .noIdentity(about: "a path under /spire is reserved")
            }
            path = path + "/" + rendered
        }
        return path
    }

    /// Whether workloads of two different issuers could have one ID, one by this and the other by that template.
    ///
    /// Yes whenever it cannot be ruled out.
    func canMeet(_ other: PathTemplate) -> Bool {
        segments.count == other.segments.count
            && zip(segments, other.segments).allSatisfy { $0.canMeet($1) }
    }
}
