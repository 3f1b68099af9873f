// What an independent reader of certificates says of one.

import SwiftASN1
import X509

enum Printed {
    static func subject(_ der: [UInt8]) throws -> String {
        try String(describing: Certificate(derEncoded: der).subject)
    }
}
