//! Both ways of the guide from one end to the other, and what the marketplace says a month later.

use serde_json::json;

use crate::journey::Buyer;
use crate::registering::form;

impl Buyer {
    /// What must exist for the way of a buyer who has accounts, named after her.
    pub async fn is_known_as(&self, name: &str) {
        self.has("billing-accounts", json!({"username": name, "email": format!("{name}@bills.example")})).await;
        let owner = json!({"username": format!("{name}.lee"), "email": format!("{name}@example.com"),
                           "password": "correct horse", "site": "cn"});
        self.has("console-accounts", owner).await;
    }

    /// Steps one to three of the guide with a Billing Center account.
    pub async fn goes_the_whole_way(&mut self, name: &str) {
        self.comes_to_the_choice().await;
        self.goes_on_from_the_choice(name).await;
    }

    /// The rest of it.
    pub async fn goes_on_from_the_choice(&mut self, name: &str) {
        self.is_known_as(name).await;
        let seen = self.binds_billing_account(name, &format!("{name}@bills.example")).await;
        assert_eq!(seen["action"], "choose_workspace", "{seen:#}");
        let seen = self.creates_workspace(&format!("Lab of {name}"), &format!("{name}@example.com")).await;
        assert_eq!(seen["action"], "confirm", "{seen:#}");
        self.confirms_and_hears_of_a_renewal().await;
    }

    /// The same without one: registering in three parts.
    pub async fn goes_the_whole_way_registering(&mut self, name: &str) {
        self.comes_to_the_choice().await;
        let email = format!("{name}@example.com");
        self.proves_address("registration", &email).await;
        let seen = self.registers(&form(name, &email, &format!("Lab of {name}"))).await;
        assert_eq!(seen["action"], "confirm", "{seen:#}");
        self.confirms_and_hears_of_a_renewal().await;
    }

    /// As far as to the choice between having and not having a Billing Center account.
    pub async fn comes_to_the_choice(&mut self) {
        self.purchases().await;
        self.logs_in_directly().await;
        let seen = self.settles().await;
        assert_eq!(seen["action"], "choose_billing_account", "{seen:#}");
    }

    async fn confirms_and_hears_of_a_renewal(&mut self) {
        self.confirms().await;
        self.marketplace_says("renew", json!({})).await;
        let seen = self.sees_steps("renew", "succeeded", 1).await;
        assert_eq!((&seen["stage"], &seen["status"]), (&json!("active"), &json!("succeeded")), "{seen:#}");
    }
}
