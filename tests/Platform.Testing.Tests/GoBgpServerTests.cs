namespace Platform.Testing.Tests;

public sealed class GoBgpServerTests
{
    [Fact]
    public async Task A_route_of_one_speaker_reaches_the_other_with_its_communities()
    {
        await using var router = new GoBgpServer(new()
        {
            Asn = 64512,
            RouterId = "192.0.2.1",
            Address = "127.0.0.3",
            Neighbours = [new("127.0.0.2", Asn: 64513)],
        });
        await using var speaker = new GoBgpServer(new()
        {
            Asn = 64513,
            RouterId = "192.0.2.2",
            Address = "127.0.0.2",
            Neighbours = [new("127.0.0.3", Asn: 64512, router.Port)],
        });
        await router.Start();
        await speaker.Start();
        Assert.Empty(await router.Routes());
        await Eventually.True(() => router.IsEstablished("127.0.0.2"), TimeSpan.FromSeconds(30), "the session");

        await speaker.Gobgp("global", "rib", "add", "198.51.100.7/32", "nexthop", "192.0.2.66", "community", "65535:666");

        var routes = await Eventually.Get(() => router.Routes(), seen => seen.Count == 1, what: "the route");
        Assert.Equal("198.51.100.7/32 via 192.0.2.66 [65535:666]", routes[0].ToString());
        Assert.Equal([64513u], routes[0].AsPath);

        await speaker.Kill();
        await Eventually.Get(() => router.Routes(), seen => seen.Count == 0, TimeSpan.FromSeconds(30), "the withdrawal");
    }
}
