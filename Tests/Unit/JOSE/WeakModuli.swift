// RSA moduli nobody should trust, made for these tests (no one holds a key to them).

/// Moduli in base64url.
enum WeakModuli {
    /// Two adjacent primes of 1024 bits.
    static let closePrimes = """
        xodMpiMezqzgI2cWcTNWAJno050PukPSY8m-xwTsY6uKKz2bPEOU8Ch3ov0GK-1A7UTTW0Ha7N2KPZm-k0WKqD5jP7nq0F_u\
        lT82D4VsvhP2YwNdVIJXjwn1TkEHXcavoQYzI3I-bWX9_3FUV4604jTQPHdI59mmx9vBgt3xgEgqtK0W7KnlucJ6PK9hOZOE\
        RYzTr_EK7MtKPE0YXn49dcKdwqh94Rq7039XOMWVvVowFu8iSDtUsFrL06xqEnN6n90WskdKnZpne6wjQrRSjI7Yq5WPz4ZD\
        tGiclxvQ9E0QSkBrDH7B2uTutnsQfZes3myHONYrrjYgf8V8tozZMQ
        """

    /// The square of a prime.
    static let squareModulus = """
        xodMpiMezqzgI2cWcTNWAJno050PukPSY8m-xwTsY6uKKz2bPEOU8Ch3ov0GK-1A7UTTW0Ha7N2KPZm-k0WKqD5jP7nq0F_u\
        lT82D4VsvhP2YwNdVIJXjwn1TkEHXcavoQYzI3I-bWX9_3FUV4604jTQPHdI59mmx9vBgt3xfjfKkKFQ-yiS6Uoz4m0ZPqAo\
        _9y8l9SOcn_S3KmJqFhzGyHCD6IQXDWTbakartvKpTdI2KLWGEEZjMlM-KXqvPi5zjj_YdEpjUCU8FkgdhHe9uKbkMIl_ijL\
        OgizfZRXDZhMjyvflkgiNewjJXSA9Hs_-Yj-DlO8sxVoYTZaadXrqQ
        """

    /// Fermat's method needs some sixty rounds.
    static let sixtyRounds = """
        mKH-qpQhd_1Y86auiTSRRpGeM5y2YDCnBjlGyuwCbQg57Yl0d7obNH2b7NweujCr1V6Hbryax41CwjeFBrJ1_h87qsGduohl\
        OMlolWoamSduq6_HwW35ETcIEzJmb951YCKcqDyfObe7c5lq0mLhrq5AdfooRzFvlD559_yHXpkzs6uiA6Bfh7wKgTDUvzRd\
        cwdEZPiKMGMJgbv3glOlF8wCJxpo6lPZfJMyQMe3L9AYjDwcT4irwnheVGmWxEnY6nKXRvq2PYfwIzc3G8nnYm2z8b-yvTQT\
        ySickl17tZ2E3D7x7S3qSUk9QM8DtpnIuCC-W0_j0jpXqH1SOP6pSQ
        """

    /// Fermat's method needs some 130 rounds: beyond what is checked.
    static let hundredThirtyRounds = """
        mKH-qpQhd_1Y86auiTSRRpGeM5y2YDCnBjlGyuwCbQg57Yl0d7obNH2b7NweujCr1V6Hbryax41CwjeFBrJ2BSNMENxrsNx-\
        1El5kiOzzN8YUgpXTwPaVHMdRiuemVRLEBgnW6n0FSfhj0QwqrWV-p_hbulXeeGb9cWsgS2gTzsxSTD_3xzmE_SpaP75fGsk\
        LxqsjKvC8nupF25e7lSgyN_UJst_KW67eVOtB8iGJlUmM_aYcwrWlugr81F_1CgenZpf2je2cGdRyK9_IvKtjweu9x-EkBcZ\
        MDtkF2zPi0fsVEzc05tcqpRbzyPXSAqELXYj76SCHhJzr3tLY8AhqQ
        """

    /// Primes k·M + 65537^a mod M, as CVE-2017-15361 made them.
    static let roca = """
        3c2BU8iC1GfIL0eLmW4lPuHOYxz0ru2SmjEwWYbc0mVt5krOJ3vGiC-O2RJB_46ECXhJ7O5dTvTRValeHGRX1iaRdzKJxXpz\
        NDkdXxkDeAwekQ4G4TktE14xM_FNQwHKMEvgyVqdMWvTX3aEZU_-5Kj62v7au1Q8ISMqBlj2xXD5Rof-_b6ATchOF-CMICcb\
        IGdDMqBvBGdMtH14dzRXBbZI2vOtmsU4Vgl3wYpc4UPY8PUlnYB4yu2A59CXuC4hMb2F1--wVk6vDIJSvstHqpVmkhpia97n\
        0j7bGLmOjvAJz_H8hvutRTl-k5SoGC3er3f88yNn7aJ4nx-Y9jhd1Q
        """

    /// Sound but for its 1024 bits.
    static let bits1024 = """
        nOc1M8nvB5RaBgPKITdj3fF6GZJpYzxW4FEIGCZIKOwsOydfbZ_mBpImUDnOEVpRudlsNzIVkJdB_FrHYLUCzEtegealh7pB\
        bBtkToe734T7rTV8ybvBuojpWutSJ1toPT0CvU6_26exwtS0MaGXe6FruVZ06dR9aRWtTpV0Z98
        """

    /// Sound but for its 2040 bits.
    static let bits2040 = """
        vurU-Ap0mCqekhopdIO4KiUR6JRXQ9djN60Fz9trC4iVmZ54pkqFmsddOjAtxhWsBcS_QeDQUKp_n4lkVGLqXU-M6mqpi3w7\
        3mKwX7eJN7guBGXsqDzw0E6_1dE1NTktxBvHEPlaw1sZK96uwH9fgdXVcMhBgZw1gmzFQ_EPe7MKpoQVxcC0lvpS56OMRxue\
        nsHfcMoLWBXRj5C3n-15zwYpldX6W-x86dYtGnihGqIeTVTqQUqx3DovF274ujN8LMoX2QInLrGZodnUOKYBcUDKOwI9YCgK\
        JvTxpQcdTdP0lShs6VPO2dDX2Vz4u-vkm4HYzJ9RW3khUJkbdqq5
        """

    /// Sound but for its 2047 bits.
    static let bits2047 = """
        SK1ZOlBHyj9Lgaq8GenxhCxtEfPo7KvJD6TRvJVSocl1JUy3ibz2q4Ihs0zdnhHsoBTI29DryfgSCM_JVTgCJeVy9ieSqIYy\
        MJJJRzwkGYqOeeJ9r1T64sXmkkmzihFdsULOChVGE4SDGbLjRXPKas3Cejv1uAkNoN3Ui5Z4pbW12y-BTwBDJHV2_vV2xdiN\
        NY9-jAXVMazGmW936uoka7EcPtLJb9EOI5QmQi90McP7bJ2gsf0Hss9EDsRSQ8yTpz3YN3UkXEhZpKA_Pg5kCAUR9SdQ2KCx\
        ois1jtYQ6TqHAPBo-AQWS0etmiKvD1_JByTfuRwTn4Hum3TGBDeMfQ
        """

    /// Sound, 4096 bits.
    static let bits4096 = """
        oBqegt8vR5hjXPrW8Ska-oDSEJXd94FlL1fBtJga2fHo3FV4ODxPTnnqhZ3P6qDr1uxqtw5yyfNhkh93oT3Wvw-a41lQSsIH\
        ZOb7hXAQ1XU3XhxDtW3XUJ3USeCkFbip8MOtuvfuDPdbyS-LRMLw_GyapCSdsjoM7G74-iZ7IegzOKokSNE4753GfxJoezXI\
        pOR7Pd_kqNvSXXsHZEaSGUTHHwzMmFsiP79DARlWjg1K-0IyglcW_HsOSFoVeZ3Py7KhNn97Hlo_xEfRX1W3QaJ5L6Qk0ciq\
        bWq5Z32JY4P_2QgAXKb42sDUzoejQw5Frgwmp6SakaHLP-leEWZTDuP3ZQ-_FHSb2Ykwa5Nch8JLmQ8j-xQLm41pooh1XyX4\
        9g06uwxyVwrEB-98Ul3TNTFRagvjSx4b58IwquXu5jFEUFTpLax48H4Nj73okM_m2Ok7fj6hO_gvY-wPNwsIxBhayBpaY--h\
        3zSXl8ar-kkZv5WLYWHwtrk1WWdZwiCXvuJum8jK2PX0jlFOoXjIqgHprFHuvNXUf6UDEwqE2TRcAff5BO69VPTadXfFxHIW\
        5n047NlPf8kdUz-soY7vla_p0HlLTaB4wj_NujvxIzVuG4gSOyD087QBQr2GpQDlNgSQmVj-UcfyGs_zQLRBYnc6JR_aZjQ2\
        SLZJDDyw0zM
        """

    /// Sound but for its 4104 bits.
    static let bits4104 = """
        pk3MjYhl_-m9_cFj0YpfEm0Hq6GREdVdZelf99-vimASQcf3KkuXNnQhx_gAtxF4KgZUOjNpQMUKSHb2TWadycMChn9vDo-U\
        H4F8T1s1_lMyrYxheEgupP1dRWmLKOMrkgWRzKLD6Lowfi-3zCowvlymjwr7FlPjYWsyOd1f9VkKOvjPt6aVsU_qpHvvHPZ0\
        0jMy3xfPFWAdmRrafrh3sSQhmcFDTgKufmNoT8TEdXPbZxrIpD3gFrIV5cC7ZaPYyyYMBTX1ZUzekZPa2wEgXjaLVWMVUUV7\
        74DzzwZI93MlqFfIYXXn57CvL3-jNFS0IxKwFLPaI4gW5GmPzwcSPz8pLmQwg8vrmRWfnbnLjNMnKOd53SXPve6KAoKVxPs9\
        -fl5ARXKRzr-OT8-0OfRn59R6gsodpYXN-Z_kmmzZA_5wNt5nxFrBlGbEkvCJQJJB8shWWkvD1PHomf498K2MDvurVJt1anu\
        BSMfJwovlizTpT2RXQJyIrYeEgy2JT_xQb_tYCO_6d3hp3wauS_l5PWKR7iMjy0A5yi6u_qzsqyMu2C3GOeEKHF2QNiCup1E\
        Q4EYyGB8o1B5swyipkuuYkrDT01CgpI7rs2iDtnCdXI0DZW2A1I_1LI-D5e3HzmHaXbTqYNKvYvB3RMx_FlWTdqmUCMsZPym\
        hYRdIBFeRJ5D
        """

    /// 743 times a prime.
    static let smallFactor = """
        s3G_I-rv8EAniWg-h6oB8ax1yhsZw0jQtOUND0wtRinwAkpc7A6DNj698hhQbgFA78mpSYpnx2jtZiwWNdWcagbF7YrOFhYC\
        id8Av9dnEsEhPeaZPWYFMiCK-p8aBZnZL9KmoJeHeFQiJ09YCY7IjhleboOMozrhFWHJlyb9D1jZBsFqPVikvV-ccCqC5eZQ\
        LTsv0bjBwDwet3xnpK6XF6q_KSeYRwSqUm8dmi3n1LmrBcsXZlZHpR2cN8jgoFkDkCnpsPj5PR7u3C6K5p-YdsuPxUpURJdQ\
        udpNFhJmMedGSmKxeepptsob8uCDtFcH-g5AO7J58foBPI60_SKsLw
        """

    /// An even number.
    static let even = """
        oKCzeaN8FRYXlficIcb8-SuKCQZWxVrio_uAFgkNCGQGP4Ej82DzRbTvfQzguWzmNWepU7ss0kJCCnnzKaMG4JrCe_nKc2Gd\
        n1BiDFocRS0To4PI5gFn9qaPa-8fQ5yixVs9X8wg4n21MxDf2dDkDv5JpS9zlgOX1Au_lK08fHUfwsWCsagw375xvt3IyhRI\
        eQ0hrkspXNZKguz-5jtGQLqcL5tf9gPRGDWtBjmXDNsi7XbDsRm991RyguXi4EPfJoeFLsZ0DbsbPcbH6HbLCHHd9qqqZlX7\
        -N9ROQWvRrnqf9Y1HcOYyqY4_7FQKMpq87l_WwXn8sCvfeov6fHJtA
        """
}
