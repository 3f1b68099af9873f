module jobsworth.example/benchmarks

go 1.25
