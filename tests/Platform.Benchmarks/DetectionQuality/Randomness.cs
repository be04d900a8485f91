namespace Platform.Benchmarks.DetectionQuality;

/// <summary>The same numbers for the same seed, on every machine.</summary>
internal sealed class Randomness(int seed)
{
    private readonly Random _random = new(seed);

    public double Unit() => _random.NextDouble();

    public double Between(double least, double most) => least + ((most - least) * _random.NextDouble());

    /// <summary>Both ends included.</summary>
    public int Whole(int least, int most) => _random.Next(least, most + 1);

    public double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    public long Poisson(double mean)
    {
        if (mean > 30)
        {
            return Math.Max(0, (long)Math.Round(mean + (Math.Sqrt(mean) * Normal())));
        }

        var (limit, product, count) = (Math.Exp(-mean), _random.NextDouble(), 0L);
        while (product > limit)
        {
            product *= _random.NextDouble();
            count++;
        }

        return count;
    }
}
