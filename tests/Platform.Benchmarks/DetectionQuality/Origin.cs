namespace Platform.Benchmarks.DetectionQuality;

/// <summary>Who sends some of the traffic: how many addresses, how unevenly, from which ports to which.</summary>
/// <param name="count">Addresses; <see cref="Spoofed"/>: another one with each packet.</param>
/// <param name="skew">Zipf's exponent: 0: all alike; 1: the largest of a thousand sends an eighth.</param>
/// <param name="sourcePort">0: another one with each packet (or client).</param>
/// <param name="destinationPort">0: another one with each packet.</param>
internal sealed class Origin(int number, int count, double skew, int sourcePort, int destinationPort)
{
    public const int Spoofed = 1 << 24;
    private const int Listed = 16; // as many as a sketch has
    private const int Few = 64;
    private readonly double _exponent = 1 - (Math.Abs(skew - 1) < 0.001 ? 1.001 : skew);
    private readonly uint _first = unchecked((uint)number * 2_654_435_761);

    public int Count => count;

    public int SourcePort => sourcePort;

    public int DestinationPort => destinationPort;

    /// <summary>The largest senders of so many sampled packets, each with its number of them.</summary>
    public IEnumerable<(uint Address, long Packets)> Share(long packets, Randomness random)
    {
        if (packets <= Few)
        {
            return Enumerable.Range(0, (int)packets).Select(_ => Draw(random)).GroupBy(rank => rank)
                .Select(same => (Address(same.Key), (long)same.Count()));
        }

        return Enumerable.Range(1, count <= Few ? count : Listed).Select(rank => (Address(rank), random.Poisson(packets * Part(rank)))).Where(one => one.Item2 > 0);
    }

    private uint Address(int rank) => unchecked(_first + (uint)rank);

    private int Draw(Randomness random) =>
        Math.Clamp((int)Math.Pow(((Math.Pow(count + 1.0, _exponent) - 1) * random.Unit()) + 1, 1 / _exponent), 1, count);

    private double Part(int rank) => (Math.Pow(rank + 1, _exponent) - Math.Pow(rank, _exponent)) / (Math.Pow(count + 1.0, _exponent) - 1);
}
