/// How long the writer waits for others to commit with.
///
/// A flush costs as much for one record as for fifty. Who comes alone never waits; where the group before was a crowd,
/// its members are about to be back, and the flush is held until as many have come again, or a moment has passed.
package struct GroupCompany {
    /// Fewer than this are no crowd.
    static let crowd = 4

    /// The longest wait, in microseconds.
    let patience: Int
    /// How many are waited for; 1 where nobody is.
    package private(set) var wanted = 1

    package init(patience: Int = 1000) {
        self.patience = patience
    }

    /// The next group follows one of this many.
    package mutating func note(_ count: Int) {
        wanted = count >= Self.crowd ? count : 1
    }
}
