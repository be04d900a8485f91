using System.Text.Json;
using Platform.Benchmarks;

// One benchmark per name; the last line it prints is its figures as JSON.
var benchmarks = new Dictionary<string, Func<string[], Task<object>>>
{
    ["detection"] = DetectionBenchmark.Run,
    ["detection-carpet"] = DetectionCarpetBenchmark.Run,
    ["detection-quality"] = DetectionQualityBenchmark.Run,
    ["detection-windows"] = DetectionWindowsBenchmark.Run,
    ["eventstore"] = EventStoreBenchmark.Run,
    ["ingestion"] = IngestionBenchmark.Run,
    ["mitigation"] = MitigationBenchmark.Run,
    ["mitigation-chaos"] = MitigationChaosBenchmark.Run,
};

if (args.Length == 0 || !benchmarks.TryGetValue(args[0], out var benchmark))
{
    await Console.Error.WriteLineAsync($"Usage: bench NAME, one of: {string.Join(", ", benchmarks.Keys)}");
    return 2;
}

try
{
    Console.WriteLine(JsonSerializer.Serialize(await benchmark(args[1..])));
    return 0;
}
catch (WrongFiguresException wrong)
{
    Console.WriteLine(JsonSerializer.Serialize(wrong.Figures)); // told all the same
    await Console.Error.WriteLineAsync(wrong.Message);
    return 1;
}
