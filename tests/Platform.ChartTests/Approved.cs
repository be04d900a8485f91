namespace Platform.ChartTests;

/// <summary>A committed file that must be what the chart says; <c>PLATFORM_APPROVE=1</c> writes it, and the review of the diff approves it.</summary>
internal static class Approved
{
    public static void Matches(string path, string actual)
    {
#pragma warning disable RS0030 // a switch of the developer, not a setting of the product
        if (Environment.GetEnvironmentVariable("PLATFORM_APPROVE") == "1")
#pragma warning restore RS0030
        {
            File.WriteAllText(path, actual);
        }

        Assert.True(File.Exists(path), $"{path} is not there; write it with PLATFORM_APPROVE=1.");
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
