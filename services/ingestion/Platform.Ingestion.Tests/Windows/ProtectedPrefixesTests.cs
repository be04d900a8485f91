using System.Net;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Tests.Windows;

public sealed class ProtectedPrefixesTests
{
    [Theory]
    [InlineData("203.0.113.9", 1)]
    [InlineData("203.0.113.200", 2)]
    [InlineData("203.0.113.201", 3)]
    [InlineData("203.0.112.1", 0)]
    [InlineData("203.1.0.1", -1)]
    [InlineData("2001:db8::1", 4)]
    [InlineData("2001:db8:0:5::1", 5)]
    [InlineData("2001:db8:0:5::ffff", 6)]
    [InlineData("2001:db9::1", -1)]
    public void The_longest_prefix_that_covers_an_address_is_found(string address, int expected)
    {
        var prefixes = new ProtectedPrefixes(Numbered(
            "203.0.0.0/16", "203.0.113.0/24", "203.0.113.128/25", "203.0.113.201/32",
            "2001:db8::/32", "2001:db8:0:5::/64", "2001:db8:0:5::ffff/128"));

        Assert.Equal(expected, prefixes.Find(HostAddress.From(IPAddress.Parse(address))));
    }

    [Fact]
    public void Any_set_of_prefixes_answers_like_a_search_through_all_of_them()
    {
        var random = new Random(17);
        for (var round = 0; round < 30; round++)
        {
            var prefixes = Enumerable.Range(0, 60).Select(_ => RandomPrefix(random)).Distinct().ToArray();
            var table = new ProtectedPrefixes(prefixes.Select((prefix, number) => (prefix, number)));
            for (var look = 0; look < 2000; look++)
            {
                var address = RandomAddress(random, random.Next(2) == 0 ? 4 : 16);
                var expected = prefixes.Select((prefix, number) => (prefix, number))
                    .Where(entry => entry.prefix.Contains(address))
                    .OrderByDescending(entry => entry.prefix.PrefixLength)
                    .Select(entry => entry.number)
                    .FirstOrDefault(-1);
                Assert.Equal(expected, table.Find(HostAddress.From(address)));
            }
        }
    }

    private static IEnumerable<(IPNetwork, int)> Numbered(params string[] prefixes) =>
        prefixes.Select((prefix, number) => (IPNetwork.Parse(prefix), number));

    private static IPNetwork RandomPrefix(Random random)
    {
        var address = RandomAddress(random, random.Next(2) == 0 ? 4 : 16);
        var bytes = address.GetAddressBytes();
        var length = random.Next(bytes.Length * 8 + 1);
        for (var bit = length; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return new IPNetwork(new IPAddress(bytes), length);
    }

    // Few different values, so that addresses and prefixes meet.
    private static IPAddress RandomAddress(Random random, int length) =>
        new([.. Enumerable.Range(0, length).Select(_ => (byte)(random.Next(3) * 85))]);
}
