using Platform.Hosting;
using Platform.Scrubber;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("scrubber"); // telemetry, health, clock
builder.AddScrubber(); // the keeper of this node's filters

var app = builder.Build();
app.MapPlatform();
return await app.RunPlatformAsync(args);
